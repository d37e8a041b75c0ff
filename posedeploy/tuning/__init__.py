"""The search for the best way to deploy a network: what is tried, what is dropped, and what wins."""
