"""The local channel between an engine and whoever shows or steers it; never a TCP port."""
