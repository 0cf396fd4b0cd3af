"""What the commands share: the app, options, settings of a command, input, the help page, completion."""
