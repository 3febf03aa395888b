"""The coordinator as a program: one data folder, one gateway, one aggregator child."""
