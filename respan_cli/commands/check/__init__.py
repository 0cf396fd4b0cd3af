"""Which layer is broken: the stages of `respan check`, from the settings up to Respan's log.

Each stage is data (`stages.Stage`); the command only shows them. Inside, imports go one way:
probes, hop, spread → diagnosis → stages → state → log → local, network, exchanges, messages → report, run.
"""
