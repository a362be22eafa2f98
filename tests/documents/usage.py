"""The usage line of a command, and the explanations of its options beyond their help."""

from tests.documents.model import Argument, Command, Option


def usage(program: str, command: Command, *, optional: bool) -> str:
    """Return `program noun verb ARGUMENT --required VALUE [OPTION]...`; `optional` says that there are options."""
    words = [program, *command.path]
    if command.commands:
        words.append("COMMAND")
    words += [spelling(option) for option in command.options if option.required]
    if optional:
        words.append("[OPTION]...")
    for argument in command.arguments:
        dots = "..." if argument.repeatable and not argument.metavar.endswith("...") else ""
        word = f"{argument.metavar}{dots}"
        words.append(word if argument.required else f"[{word}]")
    return " ".join(words)


def spelling(option: Option) -> str:
    """Return the names of an option with its value."""
    return " ".join(filter(None, (", ".join(option.names), option.metavar)))


def explanation(option: Option) -> str:
    """Return the help with the allowed words and the default of an option, unless the help names them."""
    text = option.help
    if any(word not in text for word in option.choices):
        text += f" One of {', '.join(option.choices)}."
    if option.default:
        text += f" Default: {option.default}."
    return text + (" Required." if option.required else "")


def argument_explanation(argument: Argument) -> str:
    """Return the help with the words an argument takes."""
    return argument.help + (f" One of {', '.join(argument.choices)}." if argument.choices else "")
