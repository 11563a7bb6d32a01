"""Climate FieldView, as far as we speak to it: the consent by OAuth."""
