"""Owns the files that start `inventory sync` regularly: for cron, systemd, Kubernetes and Docker.

It fills in the paths of this installation and the chosen database, and never a secret. It installs
nothing and connects to nothing. (The schedules of connectors are in `normalize.schedules`.)
"""
