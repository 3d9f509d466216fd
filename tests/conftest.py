"""What every test may use."""

pytest_plugins = ["guerdon_kit.testing.fixtures"]
