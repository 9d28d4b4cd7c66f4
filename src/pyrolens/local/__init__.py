"""`pyrolens up`: a task runs here, as ECS would run it, and tells where each line went.

Everything heavy (moto, boto3, rich) is imported here and nowhere else.
"""
