"""Tests of the vocabulary: time-outs of single examples would only measure who else uses the machine."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
