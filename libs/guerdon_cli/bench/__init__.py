"""How fast it is, on this machine: one file for each thing that is measured, and one for each part of measuring."""
