"""From the text of a preference pair to the tokens the engine scores."""
