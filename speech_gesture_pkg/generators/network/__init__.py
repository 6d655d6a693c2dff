"""Networks in torch that several learned generators share."""
