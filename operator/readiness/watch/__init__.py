"""Knows the cluster: lists and watches every kind and keeps what checks look at."""
