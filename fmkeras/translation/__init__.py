"""The translator's parts, one file each: see the README for the order in which to read them."""
