"""The engine: decides, paces, talks, keeps results and supervises its children.

`device_plan` and `version_chain` decide purely; the other modules act. `python -m sparewatt.engine` is the program.
"""
