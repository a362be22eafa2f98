"""The audit log as files: its format, and the proof that it is whole, for whoever holds them.

Everything here works on a copy of the files alone. The standard library is enough, except to check a signature.
"""
