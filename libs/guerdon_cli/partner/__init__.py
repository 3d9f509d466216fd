"""`guerdon partner`: what a partner brand runs against its own server."""
