"""The contracts of the Guerdon points platform as typed gRPC stubs."""
