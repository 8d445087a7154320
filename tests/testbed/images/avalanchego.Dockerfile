# The real node, with the layout of its published image.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
WORKDIR /avalanchego/build
COPY avalanchego ./
CMD ["./avalanchego"]
