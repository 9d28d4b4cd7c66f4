"""What is on disk, so that nothing is lost: logs of checked frames, and what of them is settled."""
