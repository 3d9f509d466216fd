"""`guerdon import`: what an organisation brings along from elsewhere."""
