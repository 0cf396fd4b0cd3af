"""The settings: the table of fields, the layers that give values, the profile file, headers and the key."""
