"""What people use in a browser: "my presence" for users, the control panel for operators."""
