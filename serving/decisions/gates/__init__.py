"""Where an offer stops on its way to a customer: rules, circumstances, contact policy."""
