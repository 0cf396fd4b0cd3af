"""`respan check`: the stages from the settings up to Respan's log, each looked at by itself.

A stage is data (`stages.Stage`). `run` brings the stages of one check, `report` shows them, `monitor` repeats
the check. Imports go one way: stages, options, probes, probe_answers, proxy_endpoint, spread, diagnosis_texts
→ diagnosis → context → log → local, network, message → http → run, report, prometheus → command → monitor.
"""
