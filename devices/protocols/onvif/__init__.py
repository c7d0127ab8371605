"""Network cameras by ONVIF. No picture is fetched by polling."""
