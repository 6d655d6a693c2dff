"""The starter corpus: real gesture clips blended onto real speech."""
