"""torch: the model, its data, the inner loop and the device layer. Nothing else on a contributor's machine loads it."""
