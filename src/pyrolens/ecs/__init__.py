"""What ECS makes of a task definition: the router's config, the log driver's options, the environment."""
