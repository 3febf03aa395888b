"""`sparewatt try`: a whole run on one computer, with the same programs that a real run has, in a throwaway folder.

`plan` decides what is started and when it ends, `view` turns snapshots into what is shown, `result` into what is said
at the end; those are pure. `processes` starts and ends children, `live` draws, `course` leads through it all.
"""
