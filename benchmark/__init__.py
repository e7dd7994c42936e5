"""The benchmark behind `./bench`: Portcullis beside nginx and HAProxy, in CPU time per request."""
