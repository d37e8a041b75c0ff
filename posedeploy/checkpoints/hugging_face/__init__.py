"""Folders of the transformers library: ``config.json`` with weights, such as models of the Hugging Face Hub.

Nothing is downloaded, and no code in the folder runs: the classes of the installed library build the network.
"""
