"""The nouns of the work: frozen values that are signed, sent, stored and shown.

Everything that is signed holds only integers and strings (see `sparewatt.signing`), so fractions are integers with
their unit in the name: ``_nano``, ``_micro``, ``_milli``.
"""
