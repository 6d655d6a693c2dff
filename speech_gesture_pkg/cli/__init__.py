"""The `speech-gesture` command: a module for each verb."""
