
BhasOwnProperty*ë