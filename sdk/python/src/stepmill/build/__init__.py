"""Makes the component of a project: `python -m stepmill.build`, in the project's folder and environment."""
