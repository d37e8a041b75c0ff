"""What runs in a toolchain's own Python, with nothing but what is installed there: these files import nothing
of posedeploy, and posedeploy imports none of them."""
