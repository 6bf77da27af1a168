// This target's first file follows.
