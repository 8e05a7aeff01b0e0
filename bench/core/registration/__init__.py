"""What registries are made of: checks of names and items, families, suffixes, folders of modules, suggestions."""
