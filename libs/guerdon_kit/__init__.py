"""What every Guerdon service shares."""
