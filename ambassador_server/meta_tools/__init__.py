"""Three tools that search, describe and call, for hosts that would otherwise list hundreds of tools.

They permit nothing: what they find is what the principal may use, and a call goes through the pipeline under the name
of the tool that is called, as if the host had called it itself.
"""
