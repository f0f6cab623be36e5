"""Changes of the tables of earlier versions."""
