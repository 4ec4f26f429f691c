"""From run directories and recordings on disk to a study in memory."""
