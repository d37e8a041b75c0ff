"""Models on servers that speak the Open Inference Protocol v2, such as Triton, OVMS, KServe and MLServer."""
