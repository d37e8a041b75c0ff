# shot.sh page out width height [dark]
timeout 100 chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=$3,$4 --force-device-scale-factor=1 ${5:+--blink-settings=preferredColorScheme=0} --screenshot=$2 file://$1 >/dev/null 2>&1; ls -la $2
