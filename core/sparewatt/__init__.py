"""The contributor's side of Sparewatt and what both sides share: policy, governor, protocol, training, engine.

`ARCHITECTURE.md` says which room holds what and which way imports point.
"""
