def op_cases(): return []
