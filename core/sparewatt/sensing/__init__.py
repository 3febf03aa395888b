"""The sensor process, its supervisor in the engine, and the thread that turns samples into permits.

A driver call may hang for ever; here it hangs a process that can be killed, and no permit is advanced meanwhile.
"""
