"""The format of the audit log and its verification.

Both need nothing but a copy of the files and the standard library; checking a signature also needs `cryptography`.
"""
