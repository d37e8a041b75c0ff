"""The parameters that a bundle adds to the config of a model on a server, and that the client reads."""

from __future__ import annotations

MANIFEST = "posedeploy_manifest"
"""The manifest of the artifact, with the SHA-256 of its files, as JSON."""
SHA256 = "posedeploy_sha256"
"""The SHA-256 of the model file, for other clients."""
TENSOR_NAMES = "posedeploy_tensor_names"
"""The names of the tensors on the server by those of the manifest, as JSON, if they differ."""
NETWORK = "posedeploy_network"
"""The name of the network's model, in the config of the model that returns poses."""
FILE = "posedeploy_file"
"""The name of the model file, in the config of a network that posedeploy runs on the server."""
