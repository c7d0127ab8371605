"""Samsung MDC over TCP (port 1515): large displays and cells of video walls."""
