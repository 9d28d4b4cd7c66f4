# The router: any image that reads Fluent Bit's config. FireLens mounts its own config at
# /fluent-bit/etc/fluent-bit.conf and includes ours from there.
FROM public.ecr.aws/aws-observability/aws-for-fluent-bit:stable
COPY extra.conf /fluent-bit/etc/extra.conf
