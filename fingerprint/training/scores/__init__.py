"""Scores, their arrangement and their sound: one work in many performances.

Tunes of old printed books go in; out come notes of a performance (other key, tempo, instruments,
chords, accompaniment) and its samples. For training and benchmarks only: the service never imports it.
"""
