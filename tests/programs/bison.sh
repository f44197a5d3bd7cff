# SPDX-License-Identifier: GPL-2.0-or-later
# need: bison flex gcc
set -e
cat >p.y <<'X'
%{
#include <stdio.h>
int yylex(void); void yyerror(const char *s) { printf("%s\n", s); }
%}
%token N
%left '+'
%left '*'
%%
all: | all e '\n' { printf("%d\n", $2); } | all error '\n' { yyerrok; };
e: N | e '+' e { $$ = $1 + $3; } | e '*' e { $$ = $1 * $3; } | '(' e ')' { $$ = $2; };
%%
int main(void) { return yyparse(); }
X
cat >l.l <<'X'
%option noyywrap nounput noinput
%{
#include <stdlib.h>
#include "p.h"
%}
%%
[0-9]+ { yylval = atoi(yytext); return N; }
[ ] ;
.|\n { return *yytext; }
X
bison -d -v -o p.c p.y; flex -o l.c l.l; gcc -o scratch-p p.c l.c; printf '1 + 2 * 3\n(1+2)*3\n1 +\n7\n' | ./scratch-p; grep -c '^State' p.output
